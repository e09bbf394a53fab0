"""A second reading of the limit rules, written from the contract alone.

It shares no code and no table with the gateway: it reads a case (JSON) and a recording (CSV), and
says which alarms must open. `readings` turns rows into readings, `limits` holds the limits in
force at a measured time, `judge` runs the rules, `losses` those over signals that stop, `crossings`
checks the oracle itself.
"""
