"""The IRC bridge. What is here so far is its protocol, pure: bytes and lines in, values out, no socket and no clock.

In this order:

1. ``wire.py``          a line: its tags, source, command and parameters; bytes to lines and back, never two for one
2. ``isupport.py``      what the server says of itself: which names are equal, what a channel is, how long things may be
3. ``names.py``         host names and masks
4. ``caps.py``          which of the server's abilities we ask for
5. ``sasl.py``          proving an account
6. ``nicks.py``         what else to be called when a nick is taken
7. ``registration.py``  the three together: from the open socket to the welcome, or to a reason why not
8. ``changes.py``       what happens in channels, as values
9. ``channels.py``      who is where: lines in, changes out
10. ``netsplit.py``     hundreds of quits as one event
11. ``batches.py``      lines that belong together
12. ``labels.py``       which answer belongs to which question
13. ``splitting.py``    a text as lines that arrive whole
14. ``flood.py``        in which order and how fast they leave

Whoever holds the socket feeds `wire.Lines`, hands each line to `Batches`, `Labels`, `Registration` and `Channels`, and
puts what these want sent into `flood.Queue`. Facts are those of RFC 1459, RFC 2812, modern.ircdocs.horse and the IRCv3
specifications (https://ircv3.net/irc), each named where it is used.
"""
