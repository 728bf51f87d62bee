"""A Sentinel that lies: it answers SENTINEL with what its command line says, and every other command with OK.

    false_sentinel.py PORT HOST PORT    names this server as the master
    false_sentinel.py PORT garbage      answers with bytes that are no address
    false_sentinel.py PORT unknown      knows no master

Debian's own Python runs it; there is nothing to install.
"""

import asyncio
import sys


def answer(words):
    if words == ["garbage"]:
        return b"*2\r\n$6\r\n\x00\xff\x01\x7f\x80\xfe\r\n$5\r\n-6379\r\n"
    if words == ["unknown"]:
        return b"*-1\r\n"
    return b"*2\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)


async def command(reader):
    """The words of the next command; raises IncompleteReadError at the end."""
    head = await reader.readuntil(b"\r\n")
    words = []
    for _ in range(int(head[1:])):
        size = await reader.readuntil(b"\r\n")
        words.append((await reader.readexactly(int(size[1:]) + 2))[:-2])
    return words


async def serve(reader, writer):
    try:
        while True:
            words = await command(reader)
            writer.write(answer(sys.argv[2:]) if words[0].upper() == b"SENTINEL" else b"+OK\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await server.serve_forever()


asyncio.run(main())
