"""The numbers that stages share, each in one place. Nothing here imports anything but its neighbours here."""
