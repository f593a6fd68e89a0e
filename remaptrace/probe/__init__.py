"""A preset by measurement: which value of each rule fits what a kernel answered."""
