"""Walks with pysnmp whenever a line comes in, and prints what net-snmp would, then a dot.

Arguments: port, user, secret of authentication, secret of privacy, what to walk.
"""

import asyncio
import sys

from pysnmp.hlapi.v3arch import asyncio as snmp
from pysnmp.proto import rfc1902


def text(value):
    """The value with its type, as the tools of net-snmp write it."""
    if isinstance(value, rfc1902.Counter64):
        return f"Counter64: {int(value)}"
    if isinstance(value, rfc1902.Gauge32):
        return f"Gauge32: {int(value)}"
    if isinstance(value, rfc1902.OctetString):
        string = bytes(value).decode()
        return f'STRING: "{string}"' if string else '""'
    return f"{type(value).__name__}: {value.prettyPrint()}"


async def walk(engine, user, target, root):
    walked = snmp.bulk_walk_cmd(
        engine,
        user,
        target,
        snmp.ContextData(),
        0,
        40,
        snmp.ObjectType(snmp.ObjectIdentity(root)),
        lexicographicMode=False,
        lookupMib=False,
    )
    async for trouble, status, _, instances in walked:
        if trouble or status:
            sys.exit(f"pysnmp: {trouble or status.prettyPrint()}")
        for name, value in instances:
            print(f".{name} = {text(value)}")


async def main(port, user, auth, privacy, root):
    engine = snmp.SnmpEngine()
    user = snmp.UsmUserData(
        user,
        auth,
        privacy,
        authProtocol=snmp.USM_AUTH_HMAC192_SHA256,
        privProtocol=snmp.USM_PRIV_CFB128_AES,
    )
    target = await snmp.UdpTransportTarget.create(("127.0.0.1", int(port)), 5, 0)
    for _ in sys.stdin:
        await walk(engine, user, target, root)
        print(".", flush=True)


asyncio.run(main(*sys.argv[1:]))
