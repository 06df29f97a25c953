"""What the operator writes under ``bridges:`` to reach an Echo network.

::

    bridges:
      echo:                  # the connection's name, and the bridge's unless `bridge: echo` says so below
        host: 127.0.0.1
        port: 4242
        nick: pont
        password: !file echo.secret
"""

from tchap_bridges.fields import Port, Secret, Section


class EchoConfig(Section):
    """Every key has a type and, wherever one is sensible, a default: the loader names file and line of a wrong one."""

    host: str = "127.0.0.1"
    port: Port = 4242
    nick: str = "pont"
    password: Secret | None = None
