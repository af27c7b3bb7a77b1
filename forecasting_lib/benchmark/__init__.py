"""How good a model is: public data, baselines, figures with intervals, and the model card."""
