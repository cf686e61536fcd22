"""Draws, blurs, and writes and reads three formats."""

REQUIRES = ["pillow"]


def main(port):
    import io

    from PIL import Image, ImageDraw, ImageFilter

    image = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(image).ellipse((8, 8, 56, 56), fill="red")
    for kind in ("PNG", "JPEG", "WEBP"):
        file = io.BytesIO()
        image.filter(ImageFilter.GaussianBlur(1)).save(file, kind)
        red, green, _ = Image.open(file).convert("RGB").resize((32, 32)).getpixel((16, 16))
        assert red > 200 and green < 60, kind
