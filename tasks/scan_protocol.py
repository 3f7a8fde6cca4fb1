"""What `tasks.scan` and its child process say to each other, byte by byte."""

END = -(2**63)  # in place of a picture's time stamp: no more pictures
NO_STAMP = -(2**62)  # of a packet that has no time of its own
KEY, CORRUPT, HIDDEN = 1, 2, 4  # flags of a packet
