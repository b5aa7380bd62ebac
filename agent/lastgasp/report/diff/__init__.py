"""What two firmware versions differ in, in words."""
