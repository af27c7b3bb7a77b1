"""What is wrong with an installation, found without changing it: facts are gathered, then judged."""
