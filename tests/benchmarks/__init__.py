"""What Stillroom measures about itself: `make bench`. Figures with their aims, and no test fails because of them."""
