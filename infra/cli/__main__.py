"""`python -m penstock.infra.cli` is `penstock`."""

from penstock.infra.cli import main

if __name__ == "__main__":
    main()
