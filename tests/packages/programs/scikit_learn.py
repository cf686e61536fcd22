"""Trains a forest."""

REQUIRES = ["scikit-learn"]


def main(port):
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import cross_val_score

    features, kinds = load_iris(return_X_y=True)
    forest = RandomForestClassifier(20, random_state=1, n_jobs=1)
    assert cross_val_score(forest, features, kinds, cv=3).mean() > 0.9
