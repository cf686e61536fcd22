"""Signs a token."""

REQUIRES = ["pyjwt[crypto]"]


def main(port):
    import jwt
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = ed25519.Ed25519PrivateKey.generate()
    token = jwt.encode({"sub": "me"}, key, "EdDSA")
    assert jwt.decode(token, key.public_key(), ["EdDSA"]) == {"sub": "me"}
