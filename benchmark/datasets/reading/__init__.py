"""From files to images: where they lie, what may be read, how they are split."""
