"""A box, a signature, a password."""

REQUIRES = ["pynacl"]


def main(port):
    from nacl.public import Box, PrivateKey
    from nacl.pwhash import str as hash_password, verify
    from nacl.signing import SigningKey

    one, other = PrivateKey.generate(), PrivateKey.generate()
    assert Box(other, one.public_key).decrypt(Box(one, other.public_key).encrypt(b"secret")) == b"secret"
    key = SigningKey.generate()
    assert key.verify_key.verify(key.sign(b"message")) == b"message"
    assert verify(hash_password(b"password", opslimit=1, memlimit=8192), b"password")
