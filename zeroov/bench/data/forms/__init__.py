"""Readers of annotation formats that more than one data set uses."""
