"""One person's eye: ratings of one's own turn the model of everyone into a model of one."""
