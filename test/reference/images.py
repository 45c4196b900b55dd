"""Small images in many forms and their pixels as Pillow reads them: python3 test/reference/images.py > test/reference/images.json

Each case has the bytes of a file in base64 and, as Pillow gives them after ImageOps.exif_transpose, the pixels in mode L and in mode RGB, row by row.
"""
import base64
import io
import json

import numpy
from PIL import Image, ImageOps

WIDTH, HEIGHT = 6, 4
random = numpy.random.RandomState(7)
rgb = random.randint(0, 256, (HEIGHT, WIDTH, 3)).astype("uint8")
grey = random.randint(0, 256, (HEIGHT, WIDTH)).astype("uint8")
opaque = numpy.full((HEIGHT, WIDTH, 1), 255, "uint8")
faint = opaque.copy()
faint[2, 3, 0] = 254
smooth = numpy.stack(
    [numpy.add.outer(numpy.arange(HEIGHT) * 20, numpy.arange(WIDTH) * 9 + 10 * band) for band in range(3)], -1
).astype("uint8")


def saved(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def oriented(pixels, form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    # The file holds the picture as the sensor had it; a viewer turns it.
    return saved(Image.fromarray(pixels), form, exif=exif, **({"quality": 95, "subsampling": 0} if form == "JPEG" else {}))


turned = numpy.ascontiguousarray(numpy.swapaxes(rgb, 0, 1))
smooth_turned = numpy.ascontiguousarray(numpy.swapaxes(smooth, 0, 1))
cases = {
    "png grey": saved(Image.fromarray(grey), "PNG"),
    "png colour": saved(Image.fromarray(rgb), "PNG"),
    "png palette": saved(Image.fromarray(rgb).quantize(8), "PNG"),
    "png 1 bit": saved(Image.fromarray(grey).convert("1"), "PNG"),
    "png grey with opaque alpha": saved(Image.fromarray(numpy.concatenate([grey[..., None], opaque], -1), "LA"), "PNG"),
    "png colour with opaque alpha": saved(Image.fromarray(numpy.concatenate([rgb, opaque], -1), "RGBA"), "PNG"),
    "png colour with a faint pixel": saved(Image.fromarray(numpy.concatenate([rgb, faint], -1), "RGBA"), "PNG"),
    "png palette with transparency": saved(Image.fromarray(rgb).quantize(8), "PNG", transparency=0),
    "png 16 bits": saved(Image.fromarray((grey.astype("uint16") * 257)), "PNG"),
    "jpeg grey": saved(Image.fromarray(grey), "JPEG", quality=95),
    "jpeg colour": saved(Image.fromarray(rgb), "JPEG", quality=95, subsampling=0),
    "jpeg colour at half resolution": saved(Image.fromarray(smooth), "JPEG", quality=95, subsampling=2),
    "jpeg progressive": saved(Image.fromarray(rgb), "JPEG", quality=90, subsampling=0, progressive=True),
    "jpeg cmyk": saved(Image.fromarray(rgb).convert("CMYK"), "JPEG", quality=95),
    "gif": saved(Image.fromarray(grey), "GIF"),
    "bmp": saved(Image.fromarray(rgb), "BMP"),
    "webp": saved(Image.fromarray(rgb), "WEBP", lossless=True),
    "tiff": saved(Image.fromarray(rgb), "TIFF"),
    **{f"png orientation {n}": oriented(rgb if n < 5 else turned, "PNG", n) for n in range(1, 9)},
    **{f"jpeg orientation {n}": oriented(smooth if n < 5 else smooth_turned, "JPEG", n) for n in range(1, 9)},
}


def read(data):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return {
        "file": base64.b64encode(data).decode(),
        "grey": numpy.asarray(image.convert("L")).ravel().tolist(),
        "colour": numpy.asarray(image.convert("RGB")).transpose(2, 0, 1).ravel().tolist(),
    }


print(json.dumps({"width": WIDTH, "height": HEIGHT, "cases": {name: read(data) for name, data in cases.items()}}))
