"""A bot's `RoomConfig` as people meet it: what may be set, how it is read and told, asked in a dialogue or in one line.

``fields.py`` is what may be set, ``values.py`` reads and tells one value, ``checking.py`` says in words what a model
refuses, ``dialogue.py`` asks in a direct message and reads ``clé=valeur``. The page is `tchap_bridges.web.forms`.
"""
