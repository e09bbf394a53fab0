"""Names and figures that the contract asks for and does not give. Each stands in QUESTIONS.md."""

from .when import US

SILENCE = "link.silence"

# contract §0.15: "its first rung is longer where the reason is quality", without how much.
QUALITY_RUNG = 2

# Unknown classes are silent (medium) after 5 min; their live window is not given.
UNKNOWN_CLASS_SILENT = 300 * US
UNKNOWN_CLASS_WINDOW = 60 * US

# What is stamped longer ago and comes live is of a broken clock; what of a backlog is longer ago is not kept.
OLDEST = 365 * 86400 * US
RETENTION = 400 * 86400 * US
ACTIONABLE = 24 * 3600 * US
MOMENTARY_HELD = 24 * 3600 * US

# How long no suspect stamp may come before the clock is believed again.
SUSPECT_HELD = 1800 * US
