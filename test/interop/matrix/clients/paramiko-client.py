"""One operation of the matrix with paramiko: paramiko-client.py JSON (see scripted.ts)."""

import base64
import json
import os
import select
import socket
import sys
import threading

import paramiko
from paramiko.agent import AgentRequestHandler

JOB = json.loads(sys.argv[1])
OPERATION = JOB["operation"]


def own_key():
    key = paramiko.Ed25519Key.from_private_key_file(JOB["key"])
    if "certificate" in JOB:
        key.load_certificate(JOB["certificate"])
    return key


def connect(hops):
    transport = None
    for hop in hops:
        address = (hop["host"], hop["port"])
        if transport is None:
            wire = socket.create_connection(address, timeout=10)
        else:
            wire = transport.open_channel("direct-tcpip", address, ("127.0.0.1", 0))
        transport = paramiko.Transport(wire)
        if OPERATION.get("rekey"):
            transport.packetizer.REKEY_BYTES = 1 << 20
        # paramiko knows no host certificates: it compares the plain key.
        expected = paramiko.Ed25519Key(data=base64.b64decode(hop["hostKey"].split()[1]))
        transport.connect(hostkey=expected, username=hop["user"], pkey=own_key())
    return transport


def copy_in(channel):
    """Our own input to the channel, then its end."""
    while chunk := os.read(0, 65536):
        try:
            channel.sendall(chunk)
        except OSError:
            return
    channel.shutdown_write()


def copy_out(receive, fd):
    while chunk := receive(65536):
        while chunk:
            chunk = chunk[os.write(fd, chunk) :]


def follow(channel, steps):
    """Prints the output and takes each step once its text has been shown."""
    shown, steps = b"", list(steps)
    while chunk := channel.recv(65536):
        os.write(1, chunk)
        shown += chunk
        while steps and steps[0]["after"].encode() in shown:
            step = steps.pop(0)
            shown = shown.split(step["after"].encode(), 1)[1]
            if "resize" in step:
                rows, columns = step["resize"]
                channel.resize_pty(width=columns, height=rows)
            if "type" in step:
                channel.sendall(step["type"].encode())


def start(transport):
    channel = transport.open_session()
    if JOB.get("agent"):
        AgentRequestHandler(channel)
    for name, value in OPERATION.get("env", {}).items():
        channel.set_environment_variable(name, value)
    terminal = OPERATION.get("terminal")
    if terminal:
        channel.get_pty("xterm", terminal["columns"], terminal["rows"])
    if "command" in OPERATION:
        channel.exec_command(OPERATION["command"])
    else:
        channel.invoke_shell()
    return channel


def session(transport):
    channel = start(transport)
    errors = threading.Thread(target=copy_out, args=(channel.recv_stderr, 2))
    errors.start()
    if "terminal" in OPERATION:
        follow(channel, OPERATION["terminal"]["steps"])
    else:
        threading.Thread(target=copy_in, args=(channel,), daemon=True).start()
        copy_out(channel.recv, 1)
    errors.join()
    status = channel.recv_exit_status()
    # paramiko hears "exit-signal" as no status at all.
    if status == -1:
        print("exit-signal or no status", file=sys.stderr)
    return status & 255


def sessions(transport):
    channels = [start(transport) for _ in range(OPERATION["count"])]
    for channel in channels:
        copy_out(channel.recv, 1)
    return 0


def dial(transport):
    channel = transport.open_channel("direct-tcpip", (OPERATION["host"], OPERATION["port"]), ("127.0.0.1", 0))
    threading.Thread(target=copy_in, args=(channel,), daemon=True).start()
    copy_out(channel.recv, 1)
    return 0


def join(one, other):
    """Bytes both ways until either side ends."""
    while True:
        for ready in select.select([one, other], [], [])[0]:
            chunk = ready.recv(65536)
            if not chunk:
                one.close()
                other.close()
                return
            (other if ready is one else one).sendall(chunk)


def accept_local(transport, listener, to):
    while True:
        near, peer = listener.accept()
        far = transport.open_channel("direct-tcpip", ("127.0.0.1", to), peer)
        threading.Thread(target=join, args=(near, far), daemon=True).start()


def forward(transport):
    listen, to = OPERATION["listen"], OPERATION.get("to")
    if OPERATION["kind"] == "local":
        listener = socket.create_server(("127.0.0.1", listen))
        threading.Thread(target=accept_local, args=(transport, listener, to), daemon=True).start()
    else:

        def opened(channel, _origin, _server):
            far = socket.create_connection(("127.0.0.1", to))
            threading.Thread(target=join, args=(channel, far), daemon=True).start()

        transport.request_port_forward("127.0.0.1", listen, opened)
    print("ready", flush=True)
    os.read(0, 1)
    return 0


def sftp(transport):
    channel = transport.open_session()
    if JOB.get("agent"):
        AgentRequestHandler(channel)
    channel.invoke_subsystem("sftp")
    client = paramiko.SFTPClient(channel)
    client.put(*OPERATION["put"])
    client.get(*OPERATION["get"])
    return 0


try:
    DOING = {
        "session": session,
        "sessions": sessions,
        "dial": dial,
        "forward": forward,
        "sftp": sftp,
    }[OPERATION["do"]]
    code = DOING(connect(JOB["hops"]))
except (OSError, EOFError, paramiko.SSHException) as error:
    print(f"paramiko: {type(error).__name__}: {error}", file=sys.stderr)
    code = 254
sys.stdout.flush()
os._exit(code)
