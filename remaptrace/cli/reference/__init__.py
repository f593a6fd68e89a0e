"""Commands that tell what there is and what it means; they replay nothing."""
