"""`remaptrace browse`: the areas of a process at any event, in a terminal. `moment` knows, `app` shows."""
