"""Our own SMTP client: one message over one connection, and exactly what became of it.

payload, replies, protocol   what SMTP says, without a socket
tls, wire                    TLS policies; a socket that counts what has left
client                       the driver: `connect`, `Session.deliver`
"""
