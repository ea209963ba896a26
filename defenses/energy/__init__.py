"""An energy of images, U(x) = F(x) / T: its network, its Langevin sampler and its training."""
