"""Scapy's TLS 1.3 client: `scapy_client.py PORT SUITE GROUP` reads identity and key in hex from stdin, says CSM and Ping, and prints what it hears."""

import sys

from scapy.layers.tls import automaton_cli

port, suite, group = sys.argv[1:]
identity, key = sys.stdin.read().split("\n")[:2]


PSKIdentity = automaton_cli.PSKIdentity


def named(**fields):
    """The automaton knows no identity but its own."""
    return PSKIdentity(**{**fields, "identity": identity.encode()})


automaton_cli.PSKIdentity = named
csm_and_ping = bytes.fromhex("00e101e207")
# Without a server name: that it puts behind the pre-shared key, where nothing may be.
automaton_cli.TLSClientAutomaton(
    server="127.0.0.1",
    dport=int(port),
    version="tls13",
    psk=key,
    psk_mode="psk_dhe_ke",
    ciphersuite=suite,
    curve=group,
    data=[csm_and_ping] * 4 + [b"quit"],
).run()
