"""What follows from an emergency on the same patient. # contract §0.22b"""


def folded(key, signal, open_alarms):
    """Whether a present emergency of the patient says this already."""
    return any(
        alarm.patient == key[0] and alarm.key != key and alarm.condition == "present" and signal in alarm.folds
        for alarm in open_alarms
    )
