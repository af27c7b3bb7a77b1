"""What past origins say of a model: sums to choose by, and how wide its distribution has to be to be true."""
