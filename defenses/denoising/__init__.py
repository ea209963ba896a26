"""Networks that find the noise in an image, trained by denoising score matching."""
