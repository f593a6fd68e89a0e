"""The report as one page that needs nothing else: charts, the address space as a picture, and everything as tables."""
