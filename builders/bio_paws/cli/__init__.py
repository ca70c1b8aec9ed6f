"""The command line. One module a verb."""
