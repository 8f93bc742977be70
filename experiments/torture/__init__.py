"""What codelm does where it is killed, where files fail or are damaged, and where its input is hostile."""
