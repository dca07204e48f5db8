"""What the local Kafka's command ends with when the caller must put something right."""


class Failed(Exception):
    """The message is the sentence that is printed."""
