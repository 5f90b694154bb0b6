"""What tests share: guests made on the spot, the program as a user runs it, and packages from a Debian mirror."""
