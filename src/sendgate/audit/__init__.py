"""The audit: facts about one sender are gathered, every rule judges them, a report results.

    Profile ──► collect ──► DomainFacts ──► RULES ──► judge ──► Report
                 async        frozen        pure      pure      frozen

`vocabulary` is what a rule is written in, `profile` what the user declared, `facts` what
was seen, `catalogue` the one ordered list of rules, `judge` the one place that filters.
"""
