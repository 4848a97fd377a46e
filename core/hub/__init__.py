"""What is fetched from the Hugging Face Hub, or found in its cache."""
