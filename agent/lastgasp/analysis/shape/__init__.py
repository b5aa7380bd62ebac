"""What a curve does: pure, of numbers only."""
