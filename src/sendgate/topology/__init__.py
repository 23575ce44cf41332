"""The three roles and their combinations: what each name carries, and which layout that is."""
