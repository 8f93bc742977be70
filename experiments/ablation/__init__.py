"""What the parts of the recipe are worth: runs that differ in one setting, and a public recipe beside them."""
