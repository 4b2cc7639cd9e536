"""What each adapter tells the tests of all adapters, in a file of its name."""
