"""`python -m service …` is `fitserve …`."""

from service.cli import main

main(prog_name="fitserve")
