"""What a template does against injection: the sentences, the marks around holes, and what both come to."""
