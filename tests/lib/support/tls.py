"""Both ends of TLS for tests: a certificate that proves nothing, and who does not ask for proof."""

import ssl
from pathlib import Path
from tempfile import TemporaryDirectory

# Made for these tests, and worth nothing: whoever reads this has the key.
KEY_AND_CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5Yn3WbPZ8B6JEDuJ
1B4fml3P6MPvtzb4SzaD1DY3mCehRANCAAQQkhHT9ebD/U68QbCPQyQPuLZETUBc
hJUt1W0RnECSvPoRyjyspdSrZ2InCA21ed6/VgnA+5CkgHF8rl9VP8D3
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBmjCCAUGgAwIBAgIUOlo5yL5FO+G5TiX1C1qwbQkrMTIwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE4NDY1NVoYDzIxMjYxMDI4
MTg0NjU1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQQkhHT9ebD/U68QbCPQyQPuLZETUBchJUt1W0RnECSvPoRyjyspdSr
Z2InCA21ed6/VgnA+5CkgHF8rl9VP8D3o28wbTAdBgNVHQ4EFgQU5NDmYA3mvqBt
Ob/W7cWC040vL74wHwYDVR0jBBgwFoAU5NDmYA3mvqBtOb/W7cWC040vL74wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDRwAwRAIgaquPwxiDfIT+yDoCHsnLEWuizNvNvIu9S/54igdAvngCIC7N
sP75BtNR8PenvGbGtafLbhBLmKryBPAbptsHcWkB
-----END CERTIFICATE-----
"""


def server_context():
    """What a server needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder, "server.pem")
        path.write_text(KEY_AND_CERTIFICATE)
        context.load_cert_chain(path)
    return context


def client_context():
    """What a client needs that trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
