"""The client: an asynchronous library over a transport that is passed in.

What is sent, and when, is a function of the clock and of the client itself (`plan`);
nothing that was found in a table changes it.
"""
