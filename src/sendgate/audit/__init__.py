"""The audit: facts about one sender are gathered, every rule judges them, a report results.

    Profile ──► collect ──► DomainFacts ──► RULES ──► judge ──► Report
                 async        frozen        pure      pure      frozen

`infer` makes the profile of what the user gave, `facts` is what was seen, `catalogue` the
one ordered list of rules, `judge` the one place that filters.
"""
