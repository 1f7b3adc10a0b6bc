"""One operation of the matrix with asyncssh: asyncssh-client.py JSON (see scripted.ts)."""

import asyncio
import json
import os
import sys

import asyncssh

JOB = json.loads(sys.argv[1])
OPERATION = JOB["operation"]


def known_hosts(hop):
    if "authority" in hop:
        return asyncssh.import_known_hosts(f"@cert-authority {hop['name']} {hop['authority']}\n")
    return asyncssh.import_known_hosts(f"{hop['name']} {hop['hostKey']}\n")


async def connect(hops):
    connection = None
    for hop in hops:
        connection = await asyncssh.connect(
            hop["host"],
            hop["port"],
            username=hop["user"],
            tunnel=connection or (),
            host_key_alias=hop["name"],
            known_hosts=known_hosts(hop),
            client_keys=[JOB["key"]],
            client_certs=[JOB["certificate"]] if "certificate" in JOB else (),
            agent_path=os.environ.get("SSH_AUTH_SOCK") if JOB.get("agent") else None,
            agent_forwarding=bool(JOB.get("agent")),
            x509_trusted_certs=None,
            config=None,
            **({"rekey_bytes": 1 << 20} if OPERATION.get("rekey") else {}),
        )
    return connection


async def copy_in(writer, eof):
    """Our own input to `writer`, then its end."""
    loop = asyncio.get_running_loop()
    while True:
        chunk = await loop.run_in_executor(None, os.read, 0, 65536)
        if not chunk:
            break
        writer.write(chunk)
        await writer.drain()
    eof()


async def copy_out(reader, fd):
    while chunk := await reader.read(65536):
        while chunk:
            chunk = chunk[os.write(fd, chunk) :]


async def follow(process, steps):
    """Prints the output and takes each step once its text has been shown."""
    shown, steps = b"", list(steps)
    while chunk := await process.stdout.read(65536):
        os.write(1, chunk)
        shown += chunk
        while steps and steps[0]["after"].encode() in shown:
            step = steps.pop(0)
            shown = shown.split(step["after"].encode(), 1)[1]
            if "resize" in step:
                rows, columns = step["resize"]
                process.change_terminal_size(columns, rows)
            if "type" in step:
                process.stdin.write(step["type"].encode())
            if "signal" in step:
                process.send_signal(step["signal"])


def leave(process):
    if process.exit_signal is not None:
        print(f"exit-signal: {process.exit_signal[0]}", file=sys.stderr)
        return 255
    return process.exit_status


async def session(connection):
    terminal = OPERATION.get("terminal")
    options = {"encoding": None, "env": OPERATION.get("env", {})}
    if "display" in OPERATION:
        display = OPERATION["display"]
        options |= {"x11_forwarding": True, "x11_display": display["DISPLAY"]}
        options |= {"x11_auth_path": display["XAUTHORITY"]}
    if terminal:
        options |= {"term_type": "xterm", "term_size": (terminal["columns"], terminal["rows"])}
    process = await connection.create_process(OPERATION.get("command"), **options)
    steps = OPERATION.get("steps", terminal["steps"] if terminal else None)
    copies = [copy_out(process.stderr, 2)]
    if steps is not None:
        copies.append(follow(process, steps))
    else:
        copies.append(copy_out(process.stdout, 1))
        asyncio.create_task(copy_in(process.stdin, process.stdin.write_eof))
    await asyncio.gather(*copies)
    await process.wait_closed()
    return leave(process)


async def sessions(connection):
    runs = [connection.run(OPERATION["command"]) for _ in range(OPERATION["count"])]
    for result in await asyncio.gather(*runs):
        print(result.stdout, end="")
    return 0


async def dial(connection):
    reader, writer = await connection.open_connection(OPERATION["host"], OPERATION["port"])
    asyncio.create_task(copy_in(writer, writer.write_eof))
    await copy_out(reader, 1)
    return 0


async def forward(connection):
    kind, listen, to = OPERATION["kind"], OPERATION["listen"], OPERATION.get("to")
    if kind == "local":
        await connection.forward_local_port("127.0.0.1", listen, "127.0.0.1", to)
    elif kind == "socket":
        await connection.forward_local_port_to_path("127.0.0.1", listen, OPERATION["path"])
    elif kind == "socks":
        await connection.forward_socks("127.0.0.1", listen)
    else:
        await connection.forward_remote_port("127.0.0.1", listen, "127.0.0.1", to)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, os.read, 0, 1)
    return 0


async def sftp(connection):
    async with connection.start_sftp_client() as client:
        await client.put(*OPERATION["put"])
        await client.get(*OPERATION["get"])
    return 0


async def scp(connection):
    for source, sink in (OPERATION["put"], OPERATION["get"]):
        there = OPERATION["put"][1]
        await asyncssh.scp(
            (connection, source) if source == there else source,
            (connection, sink) if sink == there else sink,
        )
    return 0


async def main():
    connection = await connect(JOB["hops"])
    doing = {
        "session": session,
        "sessions": sessions,
        "dial": dial,
        "forward": forward,
        "sftp": sftp,
        "scp": scp,
    }[OPERATION["do"]]
    return await doing(connection)


try:
    code = asyncio.run(main())
except (OSError, asyncssh.Error) as error:
    print(f"asyncssh: {type(error).__name__}: {error}", file=sys.stderr)
    code = 254
sys.stdout.flush()
os._exit(code)
