"""What the judge's calibration is made of: operator families, ways to compute them, and how near
each result comes to the limits of the error rule."""
