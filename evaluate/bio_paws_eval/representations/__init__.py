"""How far words of DNA, English and proteins lie apart in language models, and whether fine-tuning moved them."""
